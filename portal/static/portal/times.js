/** Times as the viewer thinks of them: in their zone and language, and how long ago. */

const LANGUAGE = document.documentElement.lang || undefined;
const RELATIVE = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });
const EXACT = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "full", timeStyle: "short" });
const DAY = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit" });
const REFRESH_MS = 20_000;
const STEPS = [ // up to so many seconds, counted in units of so many
  [45, Infinity, "second"],
  [3_600, 60, "minute"],
  [86_400, 3_600, "hour"],
  [7 * 86_400, 86_400, "day"],
];

export function relativeTime(moment, now = Date.now()) {
  const seconds = Math.max(0, (now - moment) / 1000); // a clock that is behind makes nothing "in 2 minutes"
  const step = STEPS.find(([limit]) => seconds < limit);
  if (!step) return DAY.format(moment);
  const [, size, unit] = step;
  const count = size === Infinity ? 0 : Math.max(1, Math.round(seconds / size));
  return RELATIVE.format(-count, unit);
}

export function clockTime(moment) {
  return CLOCK.format(moment);
}

export function showTimes(root) {
  for (const element of root.querySelectorAll("time[data-time]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    const text = relativeTime(moment);
    if (element.textContent !== text) element.textContent = text;
    element.title ||= EXACT.format(moment);
  }
}

export function keepTimes(root) {
  showTimes(root);
  setInterval(() => document.hidden || showTimes(root), REFRESH_MS);
  document.addEventListener("visibilitychange", () => document.hidden || showTimes(root));
}
