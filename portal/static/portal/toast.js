/** Say something for a few seconds, to eyes and screen readers. */

const SECONDS = 6;
let timer = null;

export function toast(text) {
  const element = document.querySelector("[data-toast]");
  element.hidden = false;
  element.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => {
    element.hidden = true;
  }, SECONDS * 1000);
}
