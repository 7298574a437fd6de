/** The sign that says whether the page is live, and never claims it when it is not. */

import { clockTime } from "../portal/times.js";

export class LiveSign {
  constructor(element) {
    this.element = element;
    this.liveUntil = Date.now();
    this.timer = null;
  }

  show(state) {
    const { element } = this;
    if (element.dataset.liveState === "live") this.liveUntil = Date.now();
    // Between two attempts the page is still cut off: do not flicker back to "connecting".
    const shown = state === "connecting" && element.dataset.liveState === "offline" ? "offline" : state;
    element.dataset.liveState = shown;
    document.documentElement.dataset.wire = shown;
    const since = element.querySelector("[data-live-text]");
    if (shown === "offline") since.textContent = since.dataset.text.replace("{time}", clockTime(this.liveUntil));
  }

  /** Blink: an update has come in. */
  heard() {
    const dot = this.element.querySelector('[data-when="live"] .live-dot');
    dot.replaceWith(dot.cloneNode()); // its animation begins anew
  }
}
