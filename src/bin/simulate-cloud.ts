import { simulateCloud } from '../simulator/simulate-cloud.ts';

void simulateCloud(process.argv.slice(2), process.env, process).then(code => {
  process.exitCode = code;
});
