/** Who holds a lock, as its note says it. */
import { asObject } from '../../domain/kernel/json.ts'
import type { ProcessId } from './process-id.ts'

/** The content of a note. */
export interface LockHolder extends ProcessId {
  /** The holder's name in messages, e.g. `ccs stack`. */
  readonly owner: string
  /** It has the kernel's lock too, so the kernel knows whether it lives. */
  readonly kernel?: true
}

/** undefined for unreadable content, as a release or a power loss leaves it: nobody holds it. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const { pid, host, started, owner, namespace, kernel } = asObject(JSON.parse(text))
    if (typeof pid !== 'number' || typeof host !== 'string') return undefined
    if (typeof started !== 'string' || typeof owner !== 'string') return undefined
    return {
      ...{ pid, host, started, owner },
      ...(typeof namespace === 'string' ? { namespace } : {}),
      ...(kernel === true ? { kernel } : {}),
    }
  } catch {
    return undefined
  }
}

/** For messages: `ccs gen (pid 7)`, with the place if the pid means nothing here. */
export function describeHolder(holder: LockHolder, self: ProcessId): string {
  const { owner, pid, host, namespace } = holder
  if (host !== self.host) return `${owner} (pid ${pid} on ${host})`
  const isElsewhere = namespace !== undefined && namespace !== self.namespace
  return `${owner} (pid ${pid}${isElsewhere ? ' in another container' : ''})`
}
