/** The tags that worker-manager writes on the VMs that it makes: by them a VM knows whose worker it is. */
import { RunnerError } from '../../errors.ts';
import type { MetadataWorkerData } from '../../generated/types.ts';
import { validateMetadataWorkerData } from '../../generated/validators.js';
import { isJsonObject } from '../../json.ts';
import { complaints, describeComplaints } from '../../validator.ts';

const TAGS: Readonly<Record<string, string>> = {
  workerPoolId: 'worker-pool-id',
  providerId: 'provider-id',
  workerGroup: 'worker-group',
  rootUrl: 'root-url',
};

/**
 * What the tags say, as far as there are any; a tag that is missing is an empty text.
 * @param instance what Azure says of a VM, of whatever shape: the tags count also where the rest is wrong
 */
export function dataOfTags(instance: unknown): Readonly<Record<string, string>> {
  const compute = isJsonObject(instance) ? instance.compute : undefined;
  const list = isJsonObject(compute) && Array.isArray(compute.tagsList) ? compute.tagsList : [];
  const values = new Map<string, string>();
  for (const tag of list) {
    if (!isJsonObject(tag) || typeof tag.name !== 'string' || typeof tag.value !== 'string') continue;
    // Azure keeps the case of a tag's name and does not mind it.
    values.set(tag.name.toLowerCase(), tag.value);
  }
  return Object.fromEntries(Object.entries(TAGS).map(([key, tag]) => [key, values.get(tag) ?? '']));
}

/**
 * Whose worker this VM is.
 * @param url where the tags stand, for errors
 * @throws RunnerError with exit `metadata` that names every tag which is missing or cannot be
 */
export function workerDataOfTags(data: Readonly<Record<string, string>>, url: string): MetadataWorkerData {
  if (validateMetadataWorkerData(data)) return data;
  const missing = Object.keys(TAGS).filter(key => data[key] === '');
  if (missing.length > 0) {
    const names = missing.map(key => TAGS[key]).join(', ');
    throw tagsError('metadata.missing', url, `these are missing: ${names}`);
  }
  const wrong = complaints(validateMetadataWorkerData, data).map(complaint => ({
    ...complaint,
    instancePath: `the tag ${TAGS[complaint.instancePath.slice(1)] ?? ''}`,
  }));
  throw tagsError('metadata.wrong-shape', url, describeComplaints(wrong));
}

function tagsError(code: string, url: string, complaint: string): RunnerError {
  return new RunnerError(code, `${url} should give the tags that worker-manager sets, but ${complaint}`, {
    exit: 'metadata',
    advice:
      'worker-manager sets these tags on the VMs that it creates: this VM was not made by it, or its tags were changed since',
  });
}
