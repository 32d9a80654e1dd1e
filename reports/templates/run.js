// Conveniences only: everything can be read without this.
(() => {
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let e = target; e; e = e.parentElement) if (e.tagName === "DETAILS") e.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  open();
  const form = document.querySelector("form.filter");
  form.hidden = false;
  form.addEventListener("submit", (e) => e.preventDefault());
  form.addEventListener("input", () => {
    const words = form.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = new Set([...form.querySelectorAll(":checked")].map((box) => box.value));
    const all = form.querySelectorAll("[type=checkbox]").length;
    let count = 0;
    for (const family of document.querySelectorAll("details.family")) {
      let here = 0;
      for (const row of family.querySelectorAll("tr[data-outcome]")) {
        const text = row.textContent.toLowerCase();
        row.hidden = !(shown.has(row.dataset.outcome) && words.every((w) => text.includes(w)));
        here += !row.hidden;
      }
      family.hidden = !here;
      family.open = here > 0 && (words.length > 0 || shown.size < all);
      count += here;
    }
    form.querySelector("output").textContent = `${count} shown`;
  });
})();
