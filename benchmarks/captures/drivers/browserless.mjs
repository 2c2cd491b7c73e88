// microlink's browserless: one browser, a context of its own for each picture. Its ad blocker is off, as
// everybody's is, and it waits for `load` as everybody does; the rest is as it comes.
import {createRequire} from "node:module";
import {serve, settings} from "./lines.mjs";

const createBrowser = createRequire(settings.packages + "/")("browserless");
const {binary, width, height} = settings;
const viewport = {width, height, deviceScaleFactor: 1};
const browser = createBrowser({
  executablePath: binary, headless: "shell", args: settings.args, defaultViewport: viewport,
});

await serve(async url => {
  const context = await browser.createContext({retry: 0});
  try {
    return await context.screenshot(url, {waitUntil: "load", adblock: false, type: "png", viewport});
  } finally {
    await context.destroyContext();
  }
}, () => browser.close());
