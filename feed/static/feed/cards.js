/** Cards: made from the page's own template, filled with text and attributes only. */

import { play } from "../portal/motion.js";
import { showTimes } from "../portal/times.js";

const SECONDS = new Intl.NumberFormat(document.documentElement.lang || undefined, {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const DANCE_MS = 2_600;

export function makeCard(picture) {
  const template = document.getElementById("picture-card");
  const card = document.importNode(template.content.querySelector("article"), true);
  fillCard(card, picture);
  return card;
}

export function fillCard(card, picture) {
  const find = (hook) => card.querySelector(`[data-${hook}]`);
  card.dataset.pictureId = picture.id;
  const by = card.querySelector(".card-by");
  by.id = `picture-${picture.id}`;
  card.setAttribute("aria-labelledby", by.id);
  for (const link of card.querySelectorAll("[data-link]")) link.setAttribute("href", picture.url);
  for (const light of card.querySelectorAll("[data-colour]")) light.setAttribute("fill", picture.colour);
  fillImages(find("image"), find("placeholder"), picture);
  fillText(find("caption"), picture.caption);
  find("poster").textContent = picture.poster.name;
  find("handle").textContent = `@${picture.poster.handle}`;
  find("device").textContent = picture.device.name;
  find("device-part").hidden = !picture.device.name;
  const time = find("time");
  time.setAttribute("datetime", picture.published_at);
  time.title = "";
  find("like").value = picture.id;
  showLikes(card, picture.likes);
  showDanced(card, picture.danced);
  showTimes(card);
}

export function showLikes(card, count) {
  card.querySelector("[data-like-count]").textContent = count;
}

export function showDanced(card, danced) {
  const badge = card.querySelector("[data-danced]");
  badge.hidden = !danced;
  if (!danced) return;
  badge.querySelector("[data-danced-likes]").textContent = danced.likes;
  badge.querySelector("[data-danced-seconds]").textContent = SECONDS.format(danced.seconds);
}

export function celebrate(card) {
  if (!document.hidden) play(card, "is-dancing", DANCE_MS);
}

export function publishedAt(card) {
  return Date.parse(card.querySelector("[data-time]").dateTime);
}

function fillText(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

function fillImages(image, placeholder, picture) {
  const widths = Object.entries(picture.images).sort(([a], [b]) => a - b);
  for (const element of [image, placeholder]) {
    element.setAttribute("width", picture.width);
    element.setAttribute("height", picture.height);
  }
  placeholder.setAttribute("src", picture.placeholder);
  image.alt = picture.alt;
  const srcset = widths.map(([width, url]) => `${url} ${width}w`).join(", ");
  if (image.getAttribute("srcset") === srcset) return; // changed words fetch no picture anew
  image.setAttribute("srcset", srcset);
  image.setAttribute("src", widths.at(-1)?.[1] ?? "");
}
