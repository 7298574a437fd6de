/**
 * Follow the portal's updates over a websocket, and miss none.
 *
 *   const live = connectLive({path: "/ws/feed/", after: 1041, epoch: "…", onUpdate, onState, onReset});
 *   live.close();
 *
 * `after` and `epoch` stand in the page: the number of the newest update that it may lack, and the
 * name of the history. After a lost connection the module asks for what came after the last update
 * it handed over. `onUpdate(message)` gets each update; `onState(state)` gets "connecting", "live"
 * or "offline" when it changes; `onReset(reason)` is called once when the page must load anew, and
 * the module is closed by then. docs/live-updates.md describes the messages.
 */

const DEFAULT_TIMING = {
  backoffFirst: 500, // ms; doubles, with jitter, up to:
  backoffLast: 30_000,
  beat: 20_000, // the server beats as often
  dead: 45_000, // silent for longer: the connection is lost, whatever the browser thinks
  suspicious: 25_000, // silent for longer when the page wakes up: do not wait for `dead`
  acknowledge: 5_000,
  look: 5_000, // between looks at the clock
  steady: 10_000, // a connection that lived as long starts the back-off anew
};
const ACKNOWLEDGE_COUNT = 50;
const ACKNOWLEDGE_LENGTH = 64 * 1024; // well inside what the server sends ahead
const FINAL_CODES = new Set([4401, 4403]); // not signed in, not allowed: asking again changes nothing

export function connectLive(options) {
  const connection = new LiveConnection(options);
  connection.open();
  return { close: () => connection.close() };
}

class LiveConnection {
  constructor({ path, after = null, epoch = null, onUpdate, onState, onReset, timing }) {
    this.path = path;
    this.position = after; // moves only by updates; by `hello` only when there was no `after`
    this.epoch = epoch;
    this.onUpdate = onUpdate;
    this.onState = onState ?? (() => {});
    this.onReset = onReset ?? (() => location.reload());
    this.timing = { ...DEFAULT_TIMING, ...timing };
    this.state = null;
    this.socket = null;
    this.attempt = 0;
    this.unacknowledged = { count: 0, length: 0 };
    this.timers = {};
    this.listeners = new AbortController();
    const listen = (target, type, handler) =>
      target.addEventListener(type, handler, { signal: this.listeners.signal });
    listen(window, "online", () => this.reconnectNow());
    listen(window, "offline", () => this.lose());
    listen(window, "pagehide", () => this.lose()); // an open socket keeps a page out of the back cache
    listen(window, "pageshow", (event) => event.persisted && this.reconnectNow());
    listen(document, "visibilitychange", () => document.hidden || this.wake());
  }

  open() {
    this.setState("connecting");
    const url = new URL(this.path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    if (this.position !== null) url.searchParams.set("after", this.position);
    const socket = new WebSocket(url);
    this.socket = socket;
    this.heardAt = Date.now();
    this.liveAt = null;
    this.timers.look = setInterval(() => this.look(), this.timing.look);
    // A socket that was given up may still speak: only the present one is heard.
    socket.onmessage = (event) => socket === this.socket && this.hear(event.data);
    socket.onclose = (event) => socket === this.socket && this.lose(event.code);
  }

  close() {
    this.listeners.abort();
    this.drop();
    clearTimeout(this.timers.retry);
    this.isClosed = true;
  }

  hear(text) {
    this.heardAt = Date.now();
    const message = JSON.parse(text);
    if (message.type === "hello") this.greet(message);
    else if (message.type === "reset") this.reset(message.reason);
    else if (message.number !== undefined) this.take(message, text.length);
    // What is left is a beat, or a type of a later server.
  }

  greet(hello) {
    if (this.epoch !== null && this.epoch !== hello.epoch) {
      this.reset("epoch");
      return;
    }
    this.epoch = hello.epoch;
    this.position ??= hello.number;
    this.liveAt = Date.now();
    this.timers.beat = setInterval(() => this.say({ beat: true }), this.timing.beat);
    this.setState("live");
  }

  take(update, length) {
    // Counts that are sent again, or were held back, have numbers that lie behind.
    this.position = Math.max(this.position, update.number);
    try {
      this.onUpdate(update);
    } catch (error) {
      reportError(error); // one card that fails must not stop the feed
    }
    const { unacknowledged } = this;
    unacknowledged.count += 1;
    unacknowledged.length += length;
    const isDue =
      unacknowledged.count >= ACKNOWLEDGE_COUNT || unacknowledged.length >= ACKNOWLEDGE_LENGTH;
    if (isDue) this.acknowledge();
    else this.timers.acknowledge ??= setTimeout(() => this.acknowledge(), this.timing.acknowledge);
  }

  acknowledge() {
    clearTimeout(this.timers.acknowledge);
    this.timers.acknowledge = null;
    this.unacknowledged = { count: 0, length: 0 };
    this.say({ ack: this.position });
  }

  say(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  reset(reason) {
    this.close();
    this.setState("offline");
    this.onReset(reason);
  }

  /** Timers stand still while the machine sleeps; the clock does not. */
  look() {
    if (Date.now() - this.heardAt > this.timing.dead) this.reconnectNow();
  }

  /** The page is seen again: a connection that was silent for long is not worth waiting for. */
  wake() {
    if (!this.socket || Date.now() - this.heardAt > this.timing.suspicious) this.reconnectNow();
  }

  reconnectNow() {
    if (this.isClosed) return;
    this.drop();
    clearTimeout(this.timers.retry);
    this.open();
  }

  /** The connection is gone: say so, and try again after a while. */
  lose(code) {
    if (this.isClosed) return;
    if (this.liveAt !== null && Date.now() - this.liveAt > this.timing.steady) this.attempt = 0;
    this.drop();
    this.setState("offline");
    clearTimeout(this.timers.retry);
    if (FINAL_CODES.has(code)) return;
    this.timers.retry = setTimeout(() => this.open(), this.retryDelay());
  }

  /** Between half and all of a time that doubles: many browsers that lost one server must not return at once. */
  retryDelay() {
    const { backoffFirst, backoffLast } = this.timing;
    const full = Math.min(backoffLast, backoffFirst * 2 ** this.attempt);
    this.attempt += 1;
    return full * (0.5 + Math.random() / 2);
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    this.unacknowledged = { count: 0, length: 0 };
    clearInterval(this.timers.look);
    clearInterval(this.timers.beat);
    clearTimeout(this.timers.acknowledge);
    this.timers.acknowledge = null;
    socket?.close();
  }

  setState(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }
}
