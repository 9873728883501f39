import { startWorker } from '../runner/start-worker.ts';

void startWorker(process.argv.slice(2), process.env, process).then(code => {
  process.exitCode = code;
});
