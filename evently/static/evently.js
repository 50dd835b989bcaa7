/* What htmx does not do: the stepper and its total, words for screen readers, focus, and sharing.
   Every page works without it. */
(() => {
  "use strict";
  const say = (words) => { if (words) document.getElementById("announcer").textContent = words; };

  /* One key per wish: another number of tickets, or a page that "back" brought up again, is another wish. */
  const renewKey = (form) => {
    const key = form.elements.idempotency_key;
    if (key) key.value = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  /* The stepper: buttons, limits, total and the words on the button follow the number. */
  const follow = (input) => {
    const form = input.form, most = Number(input.max), wanted = Number.parseInt(input.value, 10) || 1;
    const number = Math.min(Math.max(wanted, 1), most), total = form.querySelector("output[data-price]");
    form.querySelector('[data-step="-1"]').disabled = number <= 1;
    form.querySelector('[data-step="1"]').disabled = number >= most;
    for (const words of form.querySelectorAll("[data-tickets]")) words.textContent = number === 1 ? "1 ticket" : number + " tickets";
    if (!total) return;
    /* "€1,150.00": everything around the digits stays as the server wrote it. */
    const [sign] = total.textContent.match(/^\D*/), decimals = (total.textContent.match(/\.\d+/) || [""])[0].slice(1).length;
    total.textContent = sign + (number * Number(total.dataset.price)).toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-step]");
    if (!button) return;
    const input = button.parentElement.querySelector("input");
    input.value = Math.min(Math.max((Number.parseInt(input.value, 10) || 1) + Number(button.dataset.step), 1), Number(input.max));
    follow(input);
    renewKey(input.form);
    say(input.value === "1" ? "1 ticket" : input.value + " tickets");
  });
  document.addEventListener("input", (event) => {
    if (!event.target.closest(".stepper")) return;
    follow(event.target);
    renewKey(event.target.form);
  });

  /* A second press on a form that is on its way would send it twice. htmx guards its own forms. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-once]") || (form.hasAttribute("hx-post") && window.htmx)) return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", (event) => {
    for (const form of document.querySelectorAll("[data-once]")) {
      delete form.dataset.sent;
      if (event.persisted) renewKey(form);
    }
  });

  /* What a swap brought: say it aloud; an error takes the focus. */
  const arrive = (root) => {
    const news = root.matches?.("[data-announce]") ? root : root.querySelector("[data-announce]");
    if (news) say(news.dataset.announce);
    for (const input of root.querySelectorAll(".stepper input")) follow(input);
    for (const place of root.querySelectorAll("[data-local-time]")) tellLocalTime(place);
    for (const button of root.querySelectorAll("[data-share]")) button.hidden = !(navigator.share || navigator.clipboard);
    for (const button of root.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
    (root.matches?.("#error-summary, .alert") ? root : root.querySelector("#error-summary, .alert"))?.focus();
  };
  document.addEventListener("htmx:load", (event) => { if (event.detail.elt !== document.body) arrive(event.detail.elt); });

  /* Polling that fails is not worth a word; anything else that got no answer is. */
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.requestConfig.elt.hasAttribute("data-quiet") && event.detail.isError) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:beforeRequest", () => { document.getElementById("alerts").replaceChildren(); });
  document.addEventListener("htmx:sendError", (event) => {
    if (event.detail.requestConfig.elt.hasAttribute("data-quiet")) return;
    const alert = document.createElement("p");
    alert.className = "notice notice--bad alert";
    alert.setAttribute("role", "alert");
    alert.tabIndex = -1;
    alert.textContent = "The box office could not be reached. Is there a network? Nothing was sent; please try again.";
    document.getElementById("alerts").replaceChildren(alert);
    alert.focus();
  });

  /* "19:30 in your time zone", where that differs from the event's. */
  const tellLocalTime = (place) => {
    const moment = new Date(place.dataset.localTime), mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const show = (timeZone) => moment.toLocaleString("en-GB", { timeZone, weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
    if (!mine || show(mine) === show(place.dataset.zone)) return;
    place.textContent = show(mine) + " in your time zone (" + mine.split("/").pop().replaceAll("_", " ") + ")";
    place.hidden = false;
  };

  /* A first event begins in the zone of who makes it, unless they have chosen one. */
  for (const zones of document.querySelectorAll("select[data-own-zone]")) {
    const mine = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zones.selectedOptions[0]?.defaultSelected && Array.from(zones.options, (zone) => zone.value).includes(mine)) zones.value = mine;
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-share]");
    if (!button) return;
    const address = location.href.split(/[?#]/)[0];
    if (navigator.share) return navigator.share({ title: document.title, url: address }).catch(() => {});
    await navigator.clipboard.writeText(address);
    button.querySelector("span").textContent = "Address copied";
    say("Address copied");
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.querySelector(button.dataset.copy).textContent);
    button.querySelector("span").textContent = "Copied";
    say("Copied");
  });

  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => print());
  }

  /* A ticket stays on the device, so that it opens without network; see offline.js. Who signs out takes it away. */
  const keep = async (ticket) => {
    await navigator.serviceWorker.register(ticket.dataset.offline);
    const looks = document.querySelectorAll("link[rel=stylesheet], .ticket img, .ticket .icon use");
    const addresses = Array.from(looks, (part) => part.currentSrc || part.getAttribute("href").split("#")[0]);
    const cache = await caches.open("tickets");
    await cache.add(location.href);
    /* Without one of these the ticket still opens. */
    await Promise.allSettled(Array.from(new Set(addresses), (address) => cache.add(address)));
    for (const words of ticket.querySelectorAll("[data-kept]")) words.hidden = false;
  };
  const ticket = document.querySelector("[data-offline]");
  if (ticket && navigator.serviceWorker && window.caches) keep(ticket).catch(() => {});
  document.addEventListener("submit", (event) => {
    if (/\/(logout|account\/closing)$/.test(event.target.action)) window.caches?.delete("tickets");
  });

  arrive(document);
})();
