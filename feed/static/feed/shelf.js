/**
 * The pictures on the page, and those that wait.
 *
 * At the top, new pictures are put in as they come. Further down, or while the keyboard is on a
 * card, they wait and the pill counts them, so that what is being read never moves.
 */

import { play } from "../portal/motion.js";
import { fillCard, makeCard, publishedAt } from "./cards.js";

const MAX_CARDS = 120; // what a phone scrolls without effort
const AT_TOP_PIXELS = 120;
const ARRIVE_MS = 700;

export class Shelf {
  constructor(feed, { onInserted = () => {} } = {}) {
    this.feed = feed;
    this.takesNew = feed.dataset.feed === "newest";
    this.onInserted = onInserted;
    this.waiting = new Map(); // id -> picture, as it stands by now
    this.pill = document.querySelector("[data-pill]");
    this.empty = document.querySelector("[data-empty]");
    this.pill?.addEventListener("click", () => this.showWaiting());
    addEventListener("scroll", () => this.release(), { passive: true });
    feed.addEventListener("focusout", () => setTimeout(() => this.release()));
    this.count();
  }

  card(id) {
    return this.feed.querySelector(`[data-picture-id="${Number(id)}"]`);
  }

  add(picture) {
    const card = this.card(picture.id);
    if (card) fillCard(card, picture); // a page may know already what is sent after its number
    else if (this.takesNew) this.wait(picture);
  }

  change(picture) {
    if (this.waiting.has(picture.id)) this.waiting.set(picture.id, picture);
    const card = this.card(picture.id);
    if (card) fillCard(card, picture);
  }

  /** Change what is known of a picture that still waits. */
  amend(id, known) {
    const picture = this.waiting.get(id);
    if (picture) Object.assign(picture, known);
  }

  remove(id) {
    this.waiting.delete(id);
    this.card(id)?.remove();
    this.showPill();
    this.count();
  }

  wait(picture) {
    this.waiting.set(picture.id, picture);
    if (!this.isBeingRead()) this.release();
    this.showPill();
  }

  isBeingRead() {
    const focused = document.activeElement;
    const isKeyboardInside = this.feed.contains(focused) && focused.matches(":focus-visible");
    return scrollY > AT_TOP_PIXELS || isKeyboardInside;
  }

  release() {
    if (this.waiting.size === 0 || this.isBeingRead()) return;
    const pictures = [...this.waiting.values()];
    this.waiting.clear();
    // Oldest first: each goes on top of the one before it.
    pictures.sort((a, b) => Date.parse(a.published_at) - Date.parse(b.published_at) || a.id - b.id);
    for (const picture of pictures) this.insert(picture);
    this.trim();
    this.count();
    this.showPill();
    this.onInserted(pictures);
  }

  insert(picture) {
    const card = makeCard(picture);
    const moment = Date.parse(picture.published_at);
    const next = [...this.feed.children].find((other) => publishedAt(other) <= moment) ?? null;
    // A picture that came back from far below belongs to an older page.
    const isBelowPage = !next && this.feed.childElementCount > 0 && document.querySelector("[data-older]");
    if (isBelowPage) return;
    this.feed.insertBefore(card, next);
    if (!document.hidden) play(card, "is-arriving", ARRIVE_MS);
  }

  /** Go to the top; what waits is put in once we are there. */
  showWaiting() {
    document.activeElement?.blur();
    scrollTo({ top: 0, behavior: "instant" });
    this.release();
    this.feed.firstElementChild?.focus({ preventScroll: true });
  }

  trim() {
    if (this.feed.childElementCount <= MAX_CARDS) return;
    while (this.feed.childElementCount > MAX_CARDS) this.feed.lastElementChild.remove();
    // The link to older pictures begins below what was there; it would skip what went.
    document.querySelector("[data-older]")?.remove();
    document.querySelector("[data-trimmed]").hidden = false;
  }

  showPill() {
    if (!this.pill) return;
    this.pill.hidden = this.waiting.size === 0;
    this.pill.querySelector("[data-pill-count]").textContent = this.waiting.size;
  }

  count() {
    this.empty.hidden = this.feed.childElementCount > 0;
    if (this.feed.getAttribute("role") !== "feed") return;
    [...this.feed.children].forEach((card, index) => {
      card.setAttribute("aria-posinset", index + 1);
      card.setAttribute("aria-setsize", -1); // nobody knows how many more there are
    });
  }
}
