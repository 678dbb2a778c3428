/** Composition of the status of a Flink target: deployment record, JobManager and Kafka. */
import { systemClock } from '../../adapters/process/system-clock.ts'
import { CcsError } from '../../domain/kernel/errors.ts'
import type { JobStatus } from '../../domain/pipeline/job-status.ts'
import type { Project } from '../../project.ts'
import { openDeployments, openTopics } from '../servers.ts'

/** Reads the status again and again until it is closed. */
export interface OpenStatus {
  /** CCS_KAFKA_UNREACHABLE and CCS_ENGINE_UNREACHABLE name the server that does not answer. */
  read(): Promise<JobStatus>
  close(): Promise<void>
}

/** The status once. */
export async function readStatus(project: Project): Promise<JobStatus> {
  const status = await openStatus(project)
  return status.read().finally(() => status.close())
}

/** Asks no server yet. */
export async function openStatus(project: Project): Promise<OpenStatus> {
  const { name: target, prefix, jobs } = project.target
  if (!jobs?.manager) throw noManagerError(target)
  const [{ openJobManager }, status, { createJobNames }, { readRecord }, { nameGate }] =
    await Promise.all([
      import('../../engines/flink/client/job-manager.ts'),
      import('../../engines/flink/client/read-status.ts'),
      import('../../engines/flink/plan/names.ts'),
      import('../../engines/flink/plan/record.ts'),
      import('../../adapters/kafka/gate-names.ts'),
    ])
  const deployments = await openDeployments(project)
  const topics = await openTopics(project)
  const manager = openJobManager(jobs.manager)
  const names = createJobNames(prefix)
  const gate = nameGate(prefix)
  return {
    read: async () => {
      const { deployed } = readRecord((await deployments.load())?.engine)
      return status.readJobStatus({
        ...{ target, topics, deployed, manager, jobStart: names.jobStart },
        valid: { topic: gate.valid, group: names.group(deployed?.version ?? 1) },
        raw: { topic: gate.raw, group: gate.group },
        nowMs: systemClock().nowMs(),
      })
    },
    close: async () => {
      await topics.close()
      await deployments.close()
    },
  }
}

function noManagerError(name: string): CcsError {
  return new CcsError('CCS_CONFIG_INVALID', `Target "${name}" has no flink.jobmanager.url.`, {
    hint: 'Give it one in ccs.yml: flink: { jobmanager: { url: "http://127.0.0.1:8081" } }',
  })
}
