#!/bin/bash
# One refbench run as a SLURM job array. The words after the script are the run's own:
#
#   id=$(sbatch --parsable --array=1-8 docs/slurm-array.sh -m method=ttsr,datsr suite=cufed5_jitter out=/scratch/me/study)
#   sbatch --dependency=afterok:$id --wrap "refbench merge /scratch/me/study"
#
#SBATCH --job-name=refbench
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --time=04:00:00
# a job that is requeued goes on where it stopped: its part stays the same and finished rows are kept
#SBATCH --requeue
#SBATCH --output=refbench-%A_%a.log
set -euo pipefail
exec refbench run "$@" shard="$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" threads="${SLURM_CPUS_PER_TASK:-1}" --plain
