/* Tickets open without network: what the network last said about one is kept on the device and shown when there is none. */
const fresh = async (request) => {
  const kept = await caches.open("tickets");
  try {
    const answer = await fetch(request);
    /* Signed out, or no ticket any more: then the copy goes too. */
    await (answer.ok ? kept.put(request, answer.clone()) : kept.delete(request));
    return answer;
  } catch (error) {
    const copy = await kept.match(request, { ignoreVary: true });
    if (copy) return copy;
    throw error;
  }
};
self.addEventListener("fetch", (event) => {
  if (["document", "style", "image"].includes(event.request.destination)) event.respondWith(fresh(event.request));
});
