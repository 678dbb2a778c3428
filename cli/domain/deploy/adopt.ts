/** Records a resource that existed before ccs as it is, with the variables of secrets. */

import { SECRET_KEY } from '../kernel/redact.ts'
import type { DeployedResource, ResourceKind } from './deployment.ts'
import { readSettingTexts } from './plan/connector-plan.ts'
import type { DesiredState } from './plan/desired.ts'
import type { FoundResources } from './plan/plan.ts'
import {
  printCanonicalJson,
  printSubject,
  printTopic,
  toResource,
} from './plan/resource-content.ts'

/** What can exist before ccs. */
export type AdoptableKind = Exclude<ResourceKind, 'model'>

/** Records a resource as found; undefined if it does not exist or the project does not want it. */
export function adoptResource(
  kind: AdoptableKind,
  name: string,
  desired: DesiredState,
  found: FoundResources,
): DeployedResource | undefined {
  const content = describeContent(kind, name, desired, found)
  return content === undefined ? undefined : toResource(kind, name, content, { adopted: true })
}

function describeContent(
  kind: AdoptableKind,
  name: string,
  desired: DesiredState,
  found: FoundResources,
): string | undefined {
  const isNamed = (one: { readonly name: string }) => one.name === name
  switch (kind) {
    case 'topic': {
      const topic = found.topics.find(isNamed)
      return topic && desired.topics.some(isNamed) ? printTopic(topic) : undefined
    }
    case 'subject': {
      const subject = found.subjects.find(isNamed)
      if (!subject || !desired.subjects.some(isNamed)) return undefined
      const versions = subject.versions.map((one) => one.schema)
      return printSubject({ compatibility: subject.compatibility, versions })
    }
    case 'connector': {
      const connector = found.connectors?.find(isNamed)
      const wanted = desired.connectors.find(isNamed)
      if (!connector || !wanted) return undefined
      const written = readSettingTexts(wanted.content)
      const config = Object.fromEntries(
        Object.entries(connector.config).flatMap(([key, value]) => {
          // A secret is kept as its variable; without a variable it is left out.
          const isSecret = wanted.displayed[key] !== wanted.config[key] || SECRET_KEY.test(key)
          if (!isSecret) return [[key, value]]
          return written[key]?.includes('${') ? [[key, written[key]]] : []
        }),
      )
      return printCanonicalJson({ name, config })
    }
  }
}
