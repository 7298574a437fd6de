/** The live feed: joins the wire to the pictures on the page. */

import { connectLive } from "../live/live.js";
import { keepTimes } from "../portal/times.js";
import { celebrate, showDanced } from "./cards.js";
import { Likes } from "./likes.js";
import { Shelf } from "./shelf.js";
import { LiveSign } from "./sign.js";

const ANNOUNCE_MS = 10_000; // a busy feed must leave a screen reader time to read

const feed = document.querySelector("[data-feed]");
const sign = new LiveSign(document.querySelector("[data-live-state]"));
const shelf = new Shelf(feed, { onInserted });
const likes = new Likes({ form: document.getElementById("like-form"), shelf });
const announcer = document.querySelector("[data-announcer]");
let announcedAt = 0;

const handlers = {
  "feed.picture_added": ({ picture }) => shelf.add(picture),
  "feed.picture_changed": ({ picture }) => shelf.change(picture),
  "feed.picture_removed": ({ id }) => shelf.remove(id),
  "feed.likes_changed": ({ id, likes: count }) => {
    shelf.amend(id, { likes: count });
    likes.count(id, count);
  },
  "feed.danced": ({ id, likes: count, seconds }) => {
    const danced = { likes: count, seconds };
    shelf.amend(id, { danced });
    const card = shelf.card(id);
    if (!card) return;
    showDanced(card, danced);
    celebrate(card);
  },
};

function onInserted(pictures) {
  likes.recall(pictures);
  if (Date.now() - announcedAt < ANNOUNCE_MS) return;
  announcedAt = Date.now();
  announcer.textContent = announcer.dataset.new.replace("{name}", () => pictures.at(-1).poster.name);
}

keepTimes(feed);
const { path, number, epoch } = JSON.parse(document.getElementById("live").textContent);
connectLive({
  path,
  after: number,
  epoch,
  onUpdate: (update) => {
    handlers[update.type]?.(update);
    sign.heard();
  },
  onState: (state) => sign.show(state),
  onReset: () => location.reload(),
});
