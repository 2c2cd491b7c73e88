// capture-website: launches a browser for each picture, which is how it is made.
import {pathToFileURL} from "node:url";
import {serve, settings} from "./lines.mjs";

const {binary, width, height, args, packages} = settings;
const main = pathToFileURL(`${packages}/node_modules/capture-website/index.js`);
const {default: captureWebsite} = await import(main);
const options = {
  width, height, scaleFactor: 1, type: "png",
  launchOptions: {executablePath: binary, headless: "shell", args},
};

await serve(url => captureWebsite.buffer(url, options), async () => {});
