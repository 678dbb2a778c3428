/** Arguments that several commands have. */
import { Args } from '@oclif/core'

/** Where backups are. */
export const backupPlaceArg = Args.string({
  description: 'A folder or s3://bucket/prefix; ccs.yml has the default.',
})
