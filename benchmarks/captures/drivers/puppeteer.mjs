// puppeteer-core: one browser, a context of its own for each picture.
import {createRequire} from "node:module";
import {serve, settings} from "./lines.mjs";

const puppeteer = createRequire(settings.packages + "/")("puppeteer-core");
const {binary, width, height, fast} = settings;
const viewport = {width, height, deviceScaleFactor: 1};
const browser = await puppeteer.launch({
  executablePath: binary, headless: "shell", pipe: true, args: settings.args, defaultViewport: viewport,
});

await serve(async url => {
  const context = await browser.createBrowserContext();
  try {
    const page = await context.newPage();
    await page.goto(url, {waitUntil: "load"});
    return await page.screenshot({type: "png", optimizeForSpeed: fast});
  } finally {
    await context.close();
  }
}, () => browser.close());
