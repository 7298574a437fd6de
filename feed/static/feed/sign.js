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
    const text = element.dataset[shown].replace("{time}", clockTime(this.liveUntil));
    element.querySelector("[data-live-text]").textContent = text;
    element.hidden = false;
  }

  /** Blink: an update has come in. */
  heard() {
    const dot = this.element.querySelector(".live-dot");
    const fresh = dot.cloneNode(true);
    dot.replaceWith(fresh);
  }
}
