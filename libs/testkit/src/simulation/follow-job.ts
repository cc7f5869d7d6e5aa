import { stagesQueue } from '@reliable-ops/saga';
import type { Job } from './queue.ts';
import type { Life } from './scheduler.ts';
import type { World } from './world.ts';

/** A job begins. Answers what is to be called once it has ended: it counts which ways the entries have gone. */
export function followJob(world: World, life: Life, job: Job): () => void {
  const { tables, queue, watch } = world;
  const before = job.entries.map((entry) => ({
    entry,
    calls: watch.jobs.callsOf(life, entry),
    isOwed: tables.outbox.has(entry.id),
  }));
  return () => {
    if (job.queue === stagesQueue) world.count('shared job run');
    for (const { entry, calls, isOwed } of before) {
      const isCalled = watch.jobs.callsOf(life, entry) > calls;
      if (job.queue !== stagesQueue) {
        if (isOwed && !isCalled) world.count('own job joined a call under way');
      } else if (queue.ownJobOf(entry)) {
        const isPaused = queue.paused.has(entry.participant);
        const why = isCalled ? 'late' : isPaused ? 'its node is paused' : 'its node has one away';
        world.count(`entry left its job: ${why}`);
      }
    }
  };
}
