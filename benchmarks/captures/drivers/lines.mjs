// Answers lines of JSON on standard input with pictures, as many at once as are asked for.
import {writeFileSync} from "node:fs";
import {createInterface} from "node:readline";

export const settings = JSON.parse(process.argv[2]);

export async function serve(take, close) {
  const say = answer => process.stdout.write(JSON.stringify(answer) + "\n");
  const running = new Set();
  const answer = async ({id, url, save}) => {
    try {
      const picture = await take(url);
      if (save) writeFileSync(save, picture);
      say({id, bytes: picture.length});
    } catch (error) {
      say({id, error: String(error).slice(0, 300)});
    }
  };
  say({ready: true});
  for await (const line of createInterface({input: process.stdin})) {
    const task = answer(JSON.parse(line)).finally(() => running.delete(task));
    running.add(task);
  }
  await Promise.all(running);
  await close();
}
