import { expect, test } from '@jest/globals';
import { createComplaints, type Logger } from '../src/index.ts';

test('what differs only in ids and numbers is one complaint, what differs in words another', () => {
  const said: string[] = [];
  const logger = {
    warn: ({ err }: { err: Error }) => void said.push(err.message),
  } as unknown as Logger;
  const complain = createComplaints(logger, 'trouble');
  const messages = [
    'Missing lock for job 858dabdc-b2f3-4572-84f5-5318399c7152. moveToFinished',
    'Missing lock for job 48eabc8e-0cda-4d14-9fd1-bc7837b0883c. moveToFinished',
    'connect ECONNREFUSED 127.0.0.1:6379',
    'connect ECONNREFUSED 127.0.0.2:6380',
  ];
  for (const message of messages) complain(new Error(message));
  expect(said).toEqual([messages[0], messages[2]]);
});
