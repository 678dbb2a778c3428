output "env" {
  description = "Lines for .env beside ccs.yml: terraform output -raw env > .env. Passwords are not in it."
  value = join("", [for name, value in merge(
    {
      AWS_REGION  = var.region
      S3_BUCKET   = module.lake.bucket
      RS_ROLE_ARN = module.roles.copy_arn
    },
    var.warehouse == null ? {} : {
      RS_HOST = module.warehouse[0].host
      RS_PORT = tostring(module.warehouse[0].port)
      RS_DB   = var.warehouse.database
      RS_USER = var.warehouse.user
    },
    var.kafka == null ? {} : { KAFKA_BROKERS = module.kafka[0].bootstrap_scram },
  ) : "${name}=${value}\n"])
}

output "roles" {
  description = "Roles to take: app uploads the lake, load runs ccs load redshift; null without trusted_arns."
  value       = { app = module.roles.app_arn, load = module.roles.load_arn, copy = module.roles.copy_arn }
}

output "warehouse_password_secret" {
  description = "Where AWS keeps the password of RS_USER (RS_PWD); README.md has the command that reads it."
  value       = one(module.warehouse[*].secret_arn)
}
