// Keeps the progress of long work up to date: asks for the fragment again until it says that it is done.

const PERIOD = 1000;

function watch(region) {
  const ask = async () => {
    try {
      const response = await fetch(location.href, { headers: { "X-Fragment": "1" } });
      if (response.ok && !response.redirected) {
        region.replaceChildren(...new DOMParser().parseFromString(await response.text(), "text/html").body.childNodes);
      }
    } catch {
      // the network is away for a moment: what was last known stays, and the next question is asked
    }
    if (!region.querySelector("[data-done]")) {
      setTimeout(ask, PERIOD);
    }
  };
  if (!region.querySelector("[data-done]")) {
    setTimeout(ask, PERIOD);
  }
}

document.querySelectorAll("[data-progress]").forEach(watch);
