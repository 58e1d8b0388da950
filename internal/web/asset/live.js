// Keeps the page up to date: after each change its main part is fetched anew.
(() => {
  let again = false, busy = false;
  const renew = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", cache: "no-store" });
      if (answer.status === 401) { location.reload(); return; }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.querySelector("main"), now = document.querySelector("main");
      if (next && next.innerHTML !== now.innerHTML) now.replaceChildren(...next.childNodes);
    } catch { /* the server is away; the stream comes again by itself */ }
    busy = false;
    if (again) { again = false; renew(); }
  };
  const stream = new EventSource("/live");
  stream.onmessage = renew;
  let opened = false;
  stream.onopen = () => { if (opened) renew(); opened = true; };
  setInterval(() => { if (!document.hidden) renew(); }, 30000); // ages
  addEventListener("pagehide", () => stream.close());
})();
