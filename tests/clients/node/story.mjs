// Runs an ordered list of steps and says for each whether it held.
//
// A step is a function that takes the world, which carries what earlier steps made. A step that fails does not end
// the story: what depends on it fails by name, what does not is still shown. `../run` counts the lines.

import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';

const steps = [];

/** Registers a step under a sentence, which is what the report prints. */
export function step(sentence, run) {
  steps.push({ sentence, run });
}

/** What the steps know so far. Reading what nobody has set names the missing piece. */
export function newWorld(known) {
  return new Proxy({ ...known }, {
    get(facts, name) {
      if (!(name in facts)) throw new Error(`needs \`${String(name)}\` from an earlier step`);
      return facts[name];
    },
  });
}

/** Runs all steps and returns the process's exit code: 0 when every step held. */
export async function runStory(world, name = 'node') {
  let failed = 0;
  for (const { sentence, run } of steps) {
    try {
      await run(world);
      console.log(`ok   ${name}: ${sentence}`);
    } catch (error) {
      failed += 1;
      const [first, ...rest] = String(error?.stack ?? error).split('\n');
      console.log(`FAIL ${name}: ${sentence}: ${first}`);
      for (const line of rest.filter((line) => !line.includes('node_modules')).slice(0, 12)) console.log(`     ${line}`);
    }
  }
  return failed ? 1 : 0;
}

/** The error that the promise rejects with; exactly this class, because the class is what an application catches. */
export async function rejects(Kind, promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (error?.constructor === Kind) return error;
    throw new assert.AssertionError({ message: `wanted ${Kind.name}, got ${error?.constructor?.name}: ${error?.message}` });
  }
  throw new assert.AssertionError({ message: `wanted ${Kind.name}, got an answer of type ${typeof value}` });
}

/** What `look` finds, asked again until it finds something: the log shows an event once it cannot be overtaken. */
export async function eventually(look, milliseconds = 10_000) {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < deadline, `not seen within ${milliseconds} ms`);
    await pause(50);
  }
}
