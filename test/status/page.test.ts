/** The status page in a real browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasBrowser, openPage } from '../support/browser.ts';
import { IDENTIFIED, serveScene } from '../support/status-scene.ts';

/** A developer without Chromium is not held up; CI installs it, and fails without it. */
const skip = !hasBrowser && process.env.CI === undefined ? 'there is no chromium here' : false;

const text = (selector: string) => `document.querySelector(${JSON.stringify(selector)}).textContent`;

void test(
  'a person sees the boot as a waterfall, follows it live, and is told when the run answers no more',
  { skip },
  async t => {
    const { port, record, clock, close } = await serveScene(t);
    await clock.pass(100);
    record.tell({ kind: 'phase', phase: 'identifying' });
    await clock.pass(300);
    record.tell({ kind: 'identified', identified: IDENTIFIED, resumed: false });
    record.tell({ kind: 'phase', phase: 'registering' });
    await clock.pass(600);
    const page = await openPage(t, `http://127.0.0.1:${port}/`);

    await page.holds(`${text('#waits')}.includes('worker-manager to answer')`);
    assert.equal(await page.evaluate(text('#state')), 'starting');
    assert.deepEqual(
      await page.evaluate(
        `[...document.querySelectorAll('#waterfall .row')].map(row => [row.children[0].textContent, row.children[2].textContent])`,
      ),
      [
        ['starting', '0.1 s'],
        ['identifying', '0.3 s'],
        ['registering', '0.6 s'],
      ],
    );
    // Where the bars begin and how long they are, in percent of the boot so far.
    assert.deepEqual(
      await page.evaluate(`[...document.querySelectorAll('#waterfall .track')].map(track => {
      const [whole, bar] = [track, track.firstChild].map(part => part.getBoundingClientRect());
      return [bar.left - whole.left, bar.width].map(size => Math.round(100 * size / whole.width));
    })`),
      [
        [0, 10],
        [10, 30],
        [40, 60],
      ],
    );

    record.tell({ kind: 'phase', phase: 'running' });
    record.tell({
      kind: 'notice',
      notice: { id: '1', kind: 'spot-interruption', reason: 'the cloud says so', finishTasks: false },
      stands: true,
    });
    record.output('worker', '<img src=x onerror="document.title=1">\n');
    await page.holds(`${text('#state')} === 'running'`);
    assert.match(String(await page.evaluate(text('#standing'))), /^spot-interruption: the cloud says so/);
    assert.match(String(await page.evaluate(text('#lines'))), /<img src=x/);
    assert.equal(await page.evaluate(`document.images.length`), 0);
    assert.equal(await page.evaluate(`document.title`), 'running: i-0123');
    assert.deepEqual(page.complaints, []);

    close();
    await page.holds(`!document.querySelector('#lost').hidden`);
    assert.equal(await page.evaluate(text('#state')), 'no answer');
    assert.match(
      String(await page.evaluate(text('#lines'))),
      /<img src=x/,
      'what it said last is still there',
    );
  },
);
