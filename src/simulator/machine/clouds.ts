/** The clouds that can be simulated. */
import type { ScenarioMachine } from '../../generated/types.ts';
import { AWS } from './aws.ts';
import { AZURE } from './azure.ts';
import type { SimulatedCloud } from './simulated-cloud.ts';
import { GOOGLE } from './google.ts';

export const CLOUDS: Readonly<Record<ScenarioMachine['cloud'], SimulatedCloud>> = {
  aws: AWS,
  azure: AZURE,
  google: GOOGLE,
};
