/** Likes: shown at once, taken back when the portal did not get them. */

import { play } from "../portal/motion.js";
import { toast } from "../portal/toast.js";
import { showLikes } from "./cards.js";

const FRESH_MS = 650;

export class Likes {
  constructor({ form, shelf }) {
    this.form = form;
    this.shelf = shelf;
    this.busy = new Map(); // id -> {wanted}: one request at a time for each picture
    shelf.feed.addEventListener("click", (event) => this.press(event));
  }

  press(event) {
    const button = event.target.closest("button[data-like]");
    // Who is not signed in sends the form itself, and is led to the page for signing in.
    if (!button || this.form.dataset.signedIn !== "yes") return;
    event.preventDefault();
    const id = Number(button.value);
    const wanted = button.getAttribute("aria-pressed") !== "true";
    this.show(id, wanted, { shift: wanted ? 1 : -1 });
    if (wanted) play(button, "is-fresh", FRESH_MS);
    const request = this.busy.get(id);
    if (request) request.wanted = wanted;
    else this.send(id, wanted);
  }

  /** A count that was pushed; while our own like is out, its answer is the better one. */
  count(id, likes) {
    const card = this.shelf.card(id);
    if (card && !this.busy.has(id)) showLikes(card, likes);
  }

  async send(id, wanted) {
    const request = { wanted };
    this.busy.set(id, request);
    const answer = await this.ask(id, wanted);
    this.busy.delete(id);
    if (answer.error) {
      // Back to what the portal has: the opposite of what it was last asked for.
      if (request.wanted === wanted) this.show(id, !wanted, { shift: wanted ? -1 : 1 });
      toast(answer.error);
      return;
    }
    if (request.wanted === answer.liked) {
      this.show(id, answer.liked, { likes: answer.likes });
      return;
    }
    this.send(id, request.wanted); // pressed again meanwhile
  }

  async ask(id, wanted) {
    const failed = { error: this.form.dataset.failed };
    try {
      const response = await fetch(`/api/v1/pictures/${id}/like/`, {
        method: wanted ? "PUT" : "DELETE",
        headers: { "X-CSRFToken": this.form.elements.csrfmiddlewaretoken.value, Accept: "application/json" },
        keepalive: true, // a like on the way out of the page counts too
      });
      const answer = await response.json();
      if (response.ok) return answer;
      return { error: answer.error?.message ?? failed.error };
    } catch {
      return failed;
    }
  }

  show(id, isLiked, { likes, shift }) {
    const card = this.shelf.card(id);
    if (!card) return;
    card.querySelector("[data-like]").setAttribute("aria-pressed", isLiked);
    const shown = Number(card.querySelector("[data-like-count]").textContent) || 0;
    showLikes(card, likes ?? Math.max(0, shown + shift));
  }

  /** Ask which of the pictures that just came are liked already, from another window or phone. */
  async recall(pictures) {
    const ids = pictures.filter((picture) => picture.likes > 0).map((picture) => picture.id);
    if (ids.length === 0 || this.form.dataset.signedIn !== "yes") return;
    try {
      const response = await fetch(`/api/v1/me/likes/?ids=${ids.slice(-100)}`);
      if (!response.ok) return;
      for (const id of (await response.json()).ids) {
        if (!this.busy.has(id)) this.shelf.card(id)?.querySelector("[data-like]").setAttribute("aria-pressed", true);
      }
    } catch {
      // Without the answer the hearts stay empty; pressing one says what is true.
    }
  }
}
