/**
 * Turns the plan for a Flink into the steps of `ccs plan`: the job, in words that say what happens
 * to its state, the models whose rows change, and topics that somebody altered.
 */
import { compareSettings, makeStep, type Step } from '../../../domain/deploy/plan/step.ts'
import type { TopicState } from '../../../domain/log/topic-admin.ts'
import type { JobPlan } from './plan.ts'
import type { RecordedSink } from './record.ts'

/** What the steps are made from. */
export interface StepsInput {
  readonly plan: JobPlan
  /** Texts of the desired models by name, in order. */
  readonly wanted: ReadonlyMap<string, string>
  /** Texts of the deployed models by name. */
  readonly deployed: ReadonlyMap<string, string>
  /** Meanings of models by name: fingerprints of the project, and of the last deployment. */
  readonly fingerprints: {
    readonly wanted: ReadonlyMap<string, string>
    readonly deployed: ReadonlyMap<string, string>
  }
  /** Rows that a rebuild can't bring back; undefined: none. */
  readonly lost: string | undefined
  /** All topics of the cluster. */
  readonly topics: ReadonlyMap<string, TopicState>
  /** The settings of a topic that the job fills. */
  readonly configureTopic: (sink: RecordedSink) => Readonly<Record<string, string>>
  /** The last deployment was finished, so what differs from its record was changed by others. */
  readonly isComplete: boolean
}

/** The steps: topics, models, the job. */
export function toSteps(input: StepsInput): readonly Step[] {
  return [
    ...listTopicSteps(input),
    ...[...input.wanted.keys()].flatMap((name) => listModelSteps(name, input)),
    ...listRemovals(input),
    ...listJobSteps(input),
  ]
}

/** Settings of topics of the job in force, as far as it stays. */
function listTopicSteps({ plan, topics, configureTopic, isComplete }: StepsInput): Step[] {
  const { before, change } = plan
  if (before === undefined || (change.do !== 'none' && change.do !== 'restart')) return []
  const sinks = change.do === 'restart' ? change.next.sinks : before.sinks
  return sinks.flatMap((sink) => {
    const found = topics.get(sink.topic)
    if (found === undefined) return []
    const wanted = configureTopic(sink)
    const own = Object.entries(found.config).filter(([key]) => key in wanted)
    const deployed = isComplete ? wanted : undefined
    const differences = compareSettings(Object.fromEntries(own), wanted, deployed)
    if (differences.length === 0) return []
    const config = Object.fromEntries(differences.map((one) => [one.key, one.wanted]))
    return [
      makeStep({
        action: 'change',
        kind: 'topic',
        name: sink.topic,
        category: 'forward-only',
        reason: 'it was changed by hand',
        drift: isComplete,
        differences,
        operations: [{ op: 'configure topic', name: sink.topic, config }],
      }),
    ]
  })
}

function listModelSteps(name: string, input: StepsInput): readonly Step[] {
  const { plan, wanted, deployed, fingerprints, lost } = input
  const { change, before, blockers } = plan
  const text = deployed.get(name)
  const base = {
    kind: 'model',
    name,
    after: wanted.get(name) ?? '',
    ...(text === undefined ? {} : { before: text }),
  } as const
  const refused = blockers.find((one) => one.model === name)?.why
  const isChanged = fingerprints.wanted.get(name) !== fingerprints.deployed.get(name)
  if (change.do === 'build') {
    const sink = change.next.sinks.find((one) => one.model === name)
    const where = sink === undefined ? 'rows that others read' : `topic ${sink.topic}`
    const was = before?.sinks.some((one) => one.model === name) ?? false
    if (!was || sink === undefined) {
      if (text !== undefined && !isChanged) return []
      const how = text === undefined ? where : `its SELECT changed: ${where}`
      const action = text === undefined ? 'add' : 'change'
      return [makeStep({ ...base, action, reason: how, ...(refused ? { refused } : {}) })]
    }
    const isOwn = text !== wanted.get(name)
    const changed = isOwn ? 'its SELECT changed' : 'what it reads changed'
    const why = isChanged ? changed : 'its job is built again'
    return [
      makeStep({
        ...base,
        action: 'replace',
        category: 'breaking',
        state: 'rebuild from log',
        reason: `${why}; built beside the old rows in topic ${sink.topic}`,
        ...(lost === undefined ? {} : { destroys: lost }),
      }),
    ]
  }
  if (change.do !== 'restart' || !isChanged) return []
  const what = text === wanted.get(name) ? 'what it reads changed' : 'its SELECT changed'
  const reason = `${what}; its state and its existing rows stay, new rows differ`
  return [makeStep({ ...base, action: 'change', category: 'forward-only', reason })]
}

/** Models that were deployed and are no longer wanted. */
function listRemovals({ wanted, deployed, plan }: StepsInput): readonly Step[] {
  return [...deployed]
    .filter(([name]) => !wanted.has(name))
    .map(([name, before]) => {
      const isStored = plan.before?.sinks.some((one) => one.model === name) ?? false
      return makeStep({
        action: 'remove',
        kind: 'model',
        name,
        category: 'breaking',
        state: isStored ? 'drop' : 'none',
        reason: 'the project no longer has it',
        ...(isStored ? { destroys: 'its rows' } : {}),
        before,
      })
    })
}

function listJobSteps({ plan, isComplete }: StepsInput): readonly Step[] {
  const { before, change, cancels, leftovers } = plan
  const others = cancels.map((one) => `cancels job ${one.id}, which ccs does not know`)
  const left = leftovers.length === 0 ? [] : [`removes ${leftovers.length} topics left behind`]
  const also = [...others, ...left].map((one) => `; ${one}`).join('')
  switch (change.do) {
    case 'none':
      if (also === '' || before === undefined) return []
      return [
        makeStep({
          action: 'change',
          kind: 'job',
          name: before.name,
          category: 'forward-only',
          reason: `it stays as it is${also}`,
          drift: isComplete && others.length > 0,
        }),
      ]
    case 'build':
      return [makeBuildStep(plan, change, `${change.why}${also}`, isComplete)]
    case 'restart': {
      const { next, why, from, isDrift, dropsState } = change
      const how =
        from === undefined
          ? 'it stops with a savepoint and goes on from it'
          : from.is === 'saved'
            ? `it goes on from ${from.path}`
            : 'it begins anew, since it had committed nothing'
      const gone = dropsState ? '; state of what is gone is left behind' : ''
      return [
        makeStep({
          action: 'change',
          kind: 'job',
          name: next.name,
          category: 'forward-only',
          reason: `${why}; ${how}${gone}${also}`,
          drift: isDrift && isComplete,
        }),
      ]
    }
    case 'remove':
      if (before === undefined && also === '') return []
      return [
        makeStep({
          action: 'remove',
          kind: 'job',
          name: before?.name ?? 'left behind',
          category: 'breaking',
          state: 'drop',
          reason: `the whole target is removed${also}`,
        }),
      ]
  }
}

function makeBuildStep(
  { before }: JobPlan,
  { next, id, isDrift }: Extract<JobPlan['change'], { do: 'build' }>,
  why: string,
  isComplete: boolean,
): Step {
  const base = { kind: 'job', name: next.name } as const
  const models = `${next.sinks.length} models`
  if (before === undefined) {
    const reason = id === undefined ? `new: reads events.valid once for ${models}` : why
    return makeStep({ ...base, action: 'add', reason })
  }
  return makeStep({
    ...base,
    action: 'replace',
    category: 'breaking',
    state: 'rebuild from log',
    reason:
      `${why}; ${models} are built from the earliest event on beside ${before.name}, ` +
      'which then ends',
    drift: isDrift && isComplete,
  })
}
