/* One tick for all rows of a page. Every other way to choose works without it. */
document.addEventListener("change", (event) => {
  if (!event.target.matches("[data-tick-all]")) return;
  for (const tick of event.target.form.querySelectorAll('[name="booking"]')) tick.checked = event.target.checked;
});
