// Loaded before a peer that knows no base URL: its calls go to FLUXCLI_BASE_URL, its pauses are short.
const usualFetch = globalThis.fetch, usualTimeout = globalThis.setTimeout;
globalThis.fetch = (url, options) =>
  usualFetch(String(url).replace("https://api.kie.ai", process.env.FLUXCLI_BASE_URL), options);
globalThis.setTimeout = (action, milliseconds, ...rest) =>
  usualTimeout(action, milliseconds / 50, ...rest);
