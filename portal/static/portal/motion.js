/** Let a class play its animation once, as often as it is asked for. */

export function play(element, className, milliseconds) {
  element.classList.remove(className);
  void element.offsetWidth; // without a layout in between, the browser sees no change
  element.classList.add(className);
  setTimeout(() => element.classList.remove(className), milliseconds);
}
