"use strict";
// What is looked at, in the address: a link to the page opens the same filters, sorting, image and crop.
const state = (function () {
  function read() {
    return location.hash.startsWith("#?") ? new URLSearchParams(location.hash.slice(2)) : new URLSearchParams();
  }
  let values = read();
  return {
    get: (name) => values.get(name) || "",
    /** Set several at once; an empty value leaves the address. */
    set(changes) {
      for (const [name, value] of Object.entries(changes)) {
        if (value === "") values.delete(name);
        else values.set(name, value);
      }
      const text = values.toString();
      if (text === "" && !location.hash.startsWith("#?")) return;
      history.replaceState(null, "", text === "" ? location.pathname + location.search : "#?" + text);
    },
    /** Called when a person changes the address itself. */
    follow(apply) {
      addEventListener("hashchange", () => {
        if (!location.hash.startsWith("#?")) return;
        values = read();
        apply();
      });
    },
  };
})();
