"""``refbench completion SHELL``: a script that asks ``refbench __complete`` for candidates."""

from __future__ import annotations

import argparse

HELP = """Print a completion script for commands, settings, methods, suites and files.

  bash:  source <(refbench completion bash)          (in ~/.bashrc)
  zsh:   source <(refbench completion zsh)           (in ~/.zshrc, after compinit)
  fish:  refbench completion fish > ~/.config/fish/completions/refbench.fish"""

# bash splits words at = and :, so the line is split here, and the part before the last = or : is taken
# off the candidates again
BASH = r"""_refbench() {
    local line="${COMP_LINE:0:COMP_POINT}" cur prefix candidate
    local -a typed
    read -ra typed <<< "$line"
    [[ "$line" == *[[:space:]] ]] && typed+=("")
    cur="${typed[${#typed[@]}-1]}"
    prefix="${cur%"${cur##*[=:]}"}"
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("${candidate#"$prefix"}")
    done < <("${typed[0]}" __complete "${typed[@]:1}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && "${COMPREPLY[0]}" == *[=/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _refbench refbench
"""
ZSH = r"""#compdef refbench
_refbench() {
    local -a found open closed
    found=("${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    open=("${(@M)found:#*[=/]}")
    closed=("${(@)found:#*[=/]}")
    [[ -n "${open[*]}" ]] && compadd -S '' -- "${open[@]}"
    [[ -n "${closed[*]}" ]] && compadd -- "${closed[@]}"
}
compdef _refbench refbench
"""
FISH = r"""function __refbench_candidates
    set -l typed (commandline -opc)
    set -e typed[1]
    refbench __complete $typed (commandline -ct) 2>/dev/null
end
complete -c refbench -f -a '(__refbench_candidates)'
"""
SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The shell's name."""
    parser.add_argument("shell", choices=sorted(SCRIPTS))


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    if args.json:
        args.output.emit({"shell": args.shell, "script": SCRIPTS[args.shell]})
    else:
        args.output.line(SCRIPTS[args.shell].rstrip("\n"))
    return 0
