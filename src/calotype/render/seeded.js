// Runs before any script of a page, in each of its frames and workers: time stands still until the driver
// moves it, chance is a fixed series, and what could tell the real time tells ours. See seeded.py.
(() => {
  const HANDLE = Symbol.for("calotype.clock");
  if (globalThis[HANDLE]) return;
  const EPOCH = 1735732800000; // 2025-01-01T12:00:00Z
  const READS_PER_MS = 1000; // A loop that waits for the clock must see it move.
  const MOST_RUNS = 5000; // Timers run in one step; a page may set one for each that it runs.
  const realTimeout = setTimeout, realFrame = globalThis.requestAnimationFrame, win = globalThis;

  let elapsed = 0, reads = 0;
  const now = () => { if (++reads % READS_PER_MS === 0) elapsed += 1; return elapsed; };
  const date = () => EPOCH + Math.floor(now());
  const put = (owner, name, value) => {
    if (owner && name in owner) Object.defineProperty(owner, name, {value, writable: true, configurable: true, enumerable: false});
  };
  const tell = (owner, name, get) => {
    if (owner && name in owner) Object.defineProperty(owner, name, {get, configurable: true, enumerable: true});
  };
  const proto = name => globalThis[name]?.prototype;

  // Chance: mulberry32.
  let state = 0x2545f491;
  const bits = () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return (mixed ^ mixed >>> 14) >>> 0;
  };
  put(Math, "random", () => (bits() * 2 ** 21 + (bits() >>> 11)) / 2 ** 53);
  const crypto = proto("Crypto"), realValues = crypto?.getRandomValues;
  put(crypto, "getRandomValues", function (array) {
    realValues.call(this, array); // It says what is wrong with array.
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i++) bytes[i] = bits() >>> 24;
    return array;
  });
  put(crypto, "randomUUID", () => {
    const bytes = Array.from({length: 16}, () => bits() >>> 24);
    bytes[6] = bytes[6] & 15 | 64; bytes[8] = bytes[8] & 63 | 128;
    const hex = bytes.map(byte => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  });

  // Dates.
  const RealDate = Date;
  const SeededDate = new Proxy(RealDate, {
    apply: () => new RealDate(date()).toString(),
    construct: (target, given, as) =>
      Reflect.construct(target, given.length ? given : [date()], as === SeededDate ? target : as),
  });
  put(RealDate, "now", date);
  put(RealDate.prototype, "constructor", SeededDate);
  put(globalThis, "Date", SeededDate);
  const formats = Intl.DateTimeFormat.prototype;
  const realFormat = Object.getOwnPropertyDescriptor(formats, "format").get, realParts = formats.formatToParts;
  tell(formats, "format", function () {
    const format = realFormat.call(this);
    return when => format(when === undefined ? date() : when);
  });
  put(formats, "formatToParts", function (when) { return realParts.call(this, when === undefined ? date() : when); });
  if (globalThis.Temporal) {
    const here = () => Temporal.Now.timeZoneId(), instant = () => Temporal.Instant.fromEpochMilliseconds(date());
    const zoned = (zone = here()) => instant().toZonedDateTimeISO(zone);
    put(Temporal.Now, "instant", instant);
    put(Temporal.Now, "zonedDateTimeISO", zoned);
    put(Temporal.Now, "plainDateISO", zone => zoned(zone).toPlainDate());
    put(Temporal.Now, "plainTimeISO", zone => zoned(zone).toPlainTime());
    put(Temporal.Now, "plainDateTimeISO", zone => zoned(zone).toPlainDateTime());
  }
  tell(proto("Document"), "lastModified", () => {
    const [year, month, day, time] = new RealDate(EPOCH).toISOString().split(/[-T.]/);
    return `${month}/${day}/${year} ${time}`;
  });

  // Clocks that count from the page's beginning, and what was measured with the real ones: all nought.
  put(proto("Performance"), "now", now);
  tell(proto("Performance"), "timeOrigin", () => EPOCH);
  tell(proto("Event"), "timeStamp", now);
  tell(proto("BaseAudioContext"), "currentTime", () => now() / 1000);
  const timeline = proto("AnimationTimeline");
  const realTime = timeline && Object.getOwnPropertyDescriptor(timeline, "currentTime")?.get;
  if (realTime) tell(timeline, "currentTime", function () { return this instanceof DocumentTimeline ? now() : realTime.call(this); });
  const nought = (kind, value, kept) => {
    for (const [name, {get}] of Object.entries(Object.getOwnPropertyDescriptors(proto(kind) ?? {}))) {
      if (get && !kept.test(name)) tell(proto(kind), name, function () {
        const given = get.call(this);
        return typeof given === "number" ? value : given;
      });
    }
  };
  for (const kind of Object.getOwnPropertyNames(globalThis)) {
    if (/^Performance.*(Entry|Timing|Mark|Measure|Confidence)$|^LargestContentfulPaint$|^LayoutShift$/.test(kind)) nought(kind, 0, /Size|Count|Status|length/);
  }
  nought("PerformanceTiming", EPOCH, /^$/);
  nought("NetworkInformation", 10, /^$/);
  put(proto("PerformanceEntry"), "toJSON", function () {
    const told = {};
    for (const name in this) if (typeof this[name] !== "function") told[name] = this[name];
    return told;
  });

  // Timers and frames wait for the driver.
  let ids = 0, frames = new Map(), drawing = new Map(), idle = new Map();
  const timers = new Map();
  const start = (todo, delay, given, repeats) => {
    const every = Math.min(Math.max(Number(delay) || 0, 1), 2 ** 31 - 1);
    timers.set(++ids, {todo, given, every, repeats, at: elapsed + every, id: ids});
    return ids;
  };
  const stop = id => { timers.delete(Number(id)); };
  put(globalThis, "setTimeout", (todo, delay, ...given) => start(todo, delay, given, false));
  put(globalThis, "setInterval", (todo, delay, ...given) => start(todo, delay, given, true));
  put(globalThis, "clearTimeout", stop);
  put(globalThis, "clearInterval", stop);
  put(globalThis, "requestAnimationFrame", todo => { frames.set(++ids, todo); return ids; });
  put(globalThis, "cancelAnimationFrame", id => { frames.delete(Number(id)); drawing.delete(Number(id)); });
  put(globalThis, "requestIdleCallback", todo => { idle.set(++ids, todo); return ids; });
  put(globalThis, "cancelIdleCallback", id => { idle.delete(Number(id)); });
  if (globalThis.AbortSignal) put(AbortSignal, "timeout", ms => {
    const controller = new AbortController();
    start(() => controller.abort(new DOMException("signal timed out", "TimeoutError")), ms, [], false);
    return controller.signal;
  });
  const realPost = proto("Scheduler")?.postTask;
  put(proto("Scheduler"), "postTask", function (todo, {delay = 0, ...rest} = {}) {
    if (!delay) return realPost.call(this, todo, rest);
    return new Promise(later => start(later, delay, [], false)).then(() => realPost.call(this, todo, rest));
  });
  const run = (todo, given) => {
    try {
      if (typeof todo === "function") todo.apply(win, given); else if (todo?.handleEvent) todo.handleEvent(...given);
      else (0, eval)(String(todo));
    } catch (error) { reportError(error); }
  };
  const nextDue = to => {
    let first = null;
    for (const timer of timers.values()) {
      if (timer.at <= to && (!first || timer.at < first.at || timer.at === first.at && timer.id < first.id)) first = timer;
    }
    return first;
  };

  // Motion: what has an end is there at once, what has none stays at its beginning.
  const document = globalThis.document, animations = document && proto("Document").getAnimations;
  const motion = proto("Animation");
  const finish = motion?.finish, halt = motion?.pause;
  const still = () => {
    if (!document) return;
    for (const animation of animations.call(document)) {
      if (!(animation.timeline instanceof DocumentTimeline)) continue;
      try { finish.call(animation); } catch (endless) {
        try { halt.call(animation); animation.currentTime = 0; } catch (odd) { /* as it is, then */ }
      }
    }
    for (const playing of document.querySelectorAll("video, audio")) if (!playing.paused) pause.call(playing);
  };
  const media = proto("HTMLMediaElement"), pause = media?.pause;
  put(media, "play", function () { return Promise.resolve(); });
  for (const began of document ? ["play", "playing"] : []) {
    document.addEventListener(began, event => { if (event.target instanceof HTMLMediaElement) pause.call(event.target); }, true);
  }
  const within = (promise, ms) => Promise.race([promise, new Promise(over => realTimeout(over, ms))]);
  const told = (element, name) => new Promise(heard => element.addEventListener(name, heard, {once: true}));
  const rewind = async element => {
    if (!element.autoplay && element.currentTime === 0 || element.srcObject) { pause.call(element); return; }
    if (element.readyState < 2) await within(told(element, "loadeddata"), 2000);
    pause.call(element);
    const seeked = told(element, "seeked");
    element.currentTime = 0;
    await within(seeked, 2000);
  };
  const drawn = () => realFrame && document
    ? within(new Promise(done => realFrame(done)), 200) : new Promise(done => realTimeout(done, 0));

  Object.defineProperty(globalThis, HANDLE, {configurable: false, enumerable: false, writable: false, value: Object.freeze({
    drawn,
    // Move time on to `to`, in milliseconds from the beginning, and run what is due by then, in order.
    tick: async (to, paced) => {
      if (paced) await drawn();
      still();
      for (let runs = 0; runs < MOST_RUNS; runs++) {
        const timer = nextDue(to);
        if (!timer) break;
        elapsed = Math.max(elapsed, timer.at);
        if (timer.repeats) timer.at += timer.every; else timers.delete(timer.id);
        run(timer.todo, timer.given);
        await null;
      }
      elapsed = Math.max(elapsed, to);
      const idling = idle;
      drawing = frames; frames = new Map(); idle = new Map();
      for (const [id, todo] of drawing) { drawing.delete(id); run(todo, [elapsed]); await null; }
      for (const todo of idling.values()) run(todo, [{didTimeout: false, timeRemaining: () => 10}]);
    },
    // The last step: nothing moves any more.
    rest: async () => {
      still();
      if (!document) return;
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("* { caret-color: transparent !important }");
      document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
      await Promise.all([...document.querySelectorAll("video, audio")].map(rewind));
    },
  })});
})();
