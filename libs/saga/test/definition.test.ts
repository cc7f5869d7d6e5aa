import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { createRegistry, defineSaga, type SagaOptions, type StepDefinition } from '../src/index.ts';

const step = (name: string, participant = name): StepDefinition<{ id: string }> => ({
  name,
  participant,
  action: 'do',
  compensation: 'undo',
});
const input = z.object({ id: z.string() });
const define = (given: Partial<SagaOptions<typeof input>> = {}) =>
  defineSaga({
    name: 'open-account',
    version: 1,
    input,
    key: ({ id }) => id,
    stages: [[step('bank'), step('crm')], [step('mail')]],
    ...given,
  });

test('a definition says in which stage each step is', () => {
  expect(define().steps.map(({ name, stage }) => [name, stage])).toEqual([
    ['bank', 0],
    ['crm', 0],
    ['mail', 1],
  ]);
});

test.each([
  [{ name: 'Open Account' }, 'its name must be lower-case words joined by dashes'],
  [{ version: 0 }, 'its version must be a whole number from 1'],
  [{ version: 1.5 }, 'its version must be a whole number from 1'],
  [{ stages: [] }, 'it needs at least one stage, and each stage at least one step'],
  [{ stages: [[step('bank')], []] }, 'it needs at least one stage, and each stage at least one'],
  [{ stages: [[step('bank')], [step('bank')]] }, 'two of its steps have the same name'],
  [{ stages: [[step('a', 'the bank')]] }, `step "a": a participant's name must be letters, digits`],
  [{ stages: [[step('a', 'stages')]] }, 'step "a": no participant may be called "stages"'],
])('%j is refused when the process starts', (given, why) => {
  expect(() => define(given)).toThrow(why);
});

test('a registry refuses a version that is there twice, and knows the newest', () => {
  const [first, second] = [define(), define({ version: 2 })];
  expect(() => createRegistry([first, define()])).toThrow('saga open-account@1 is defined twice');
  const registry = createRegistry([second, first]);
  expect(registry.latest('open-account')).toBe(second);
  expect(registry.participants).toEqual(['bank', 'crm', 'mail']);
  expect(() => registry.get('open-account', 3)).toThrow('register that version');
});
