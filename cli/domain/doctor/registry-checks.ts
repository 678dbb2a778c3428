/** Checks a target's schema registry: what it is, its clock, and the project's subjects. */

import type { RemoteRegistry } from '../avro/schema-registry.ts'
import type { Target } from '../config/target.ts'
import type { Clock } from '../kernel/clock.ts'
import { joinNames } from '../schemas/describe.ts'
import type { TopicSchemas } from '../schemas/history.ts'
import { SUBJECT_LEVEL } from '../schemas/register.ts'
import { findVersion, readRegistryTopics } from '../schemas/registry-topics.ts'
import type { Check } from './doctor.ts'

/** What these checks compare the registry with. */
export interface RegistryNeeds {
  readonly target: Pick<Target, 'name' | 'prefix'>
  /** The topics that nothing works without. */
  readonly topics: readonly TopicSchemas[]
  readonly clock: Pick<Clock, 'nowMs'>
}

/** An HTTP date has whole seconds, and the answer takes time to arrive. */
const CLOCK_TOLERANCE_MS = 5_000
const NAMES_MAX = 3

/** Throws only if the registry can't be reached. */
export async function checkRegistry(
  registry: RemoteRegistry,
  { topics, target, clock }: RegistryNeeds,
): Promise<readonly Check[]> {
  const about = await registry.about()
  const nowMs = clock.nowMs()
  const { url, product = 'A schema registry', version = '', mode, compatibility, date } = about
  const level = compatibility === undefined ? '' : `; global level ${compatibility}`
  const what = [product, version].filter((one) => one !== '').join(' ')
  const there: Check = { name: 'registry', status: 'ok', detail: `${what} at ${url}${level}.` }
  return [
    there,
    ...(mode === undefined ? [] : [modeCheck(mode)]),
    ...(date === undefined ? [] : [clockCheck(Date.parse(date) - nowMs)]),
    ...subjectChecks(await readRegistryTopics(registry, target, topics), target),
  ]
}

function modeCheck(mode: string): Check {
  const name = 'registry mode'
  return mode === 'READWRITE'
    ? { name, status: 'ok', detail: `${mode}.` }
    : {
        name,
        status: 'failed',
        detail: `The registry is in mode ${mode}: nothing can be registered.`,
        hint: 'Set its mode to READWRITE.',
      }
}

function clockCheck(aheadMs: number): Check {
  const name = 'clock'
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const side = aheadMs > 0 ? 'ahead of' : 'behind'
  return Math.abs(aheadMs) <= CLOCK_TOLERANCE_MS
    ? { name, status: 'ok', detail: "This machine and the registry's have the same time." }
    : {
        name,
        status: 'warning',
        detail: `The registry's clock is ${seconds} s ${side} this machine's.`,
        hint: 'Set both by NTP: events from the future go to events.dlq.',
      }
}

function subjectChecks(
  topics: Awaited<ReturnType<typeof readRegistryTopics>>,
  { name: target }: Pick<Target, 'name'>,
): readonly Check[] {
  const missing = topics.filter(
    (one) => one.schemas.current !== undefined && !findVersion(one, one.schemas.current.text),
  )
  const other = topics.filter((one) => one.versions.length > 0 && one.level !== SUBJECT_LEVEL)
  const name = 'subjects'
  const warning = (detail: string, hint: string): Check => ({
    name,
    status: 'warning',
    detail,
    hint,
  })
  const checks: Check[] = []
  if (missing.length > 0)
    checks.push(
      warning(
        `The registry lacks the current schema of ${joinNames(
          missing.map((one) => one.subject),
          NAMES_MAX,
        )}.`,
        `ccs schema register --target ${target}`,
      ),
    )
  if (other.length > 0)
    checks.push(
      warning(
        `Another level than ${SUBJECT_LEVEL}: ${joinNames(
          other.map((one) => `${one.subject} (${one.level})`),
          NAMES_MAX,
        )}.`,
        `What it allows or rejects: ccs schema check --target ${target}`,
      ),
    )
  if (checks.length > 0) return checks
  return [
    {
      name,
      status: 'ok',
      detail: `${joinNames(
        topics.map((one) => one.subject),
        NAMES_MAX,
      )}: registered, ${SUBJECT_LEVEL}.`,
    },
  ]
}
