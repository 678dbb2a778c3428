# Redshift Serverless: it costs nothing while nobody asks. Not reachable from the internet; AWS keeps the
# password in Secrets Manager, so that it is in no file and not in Terraform's state.

variable "name" { type = string }
variable "settings" {
  type = object({
    base_rpus             = number
    max_rpu_hours_per_day = number
    database              = string
    user                  = string
  })
}
variable "copy_role_arn" { type = string }
variable "kms_key_arn" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "client_cidrs" { type = list(string) }

locals {
  port = 5439
}

resource "aws_redshiftserverless_namespace" "shop" {
  namespace_name        = var.name
  db_name               = var.settings.database
  admin_username        = var.settings.user
  manage_admin_password = true
  kms_key_id            = var.kms_key_arn
  iam_roles             = [var.copy_role_arn]
  default_iam_role_arn  = var.copy_role_arn
  log_exports           = ["userlog", "connectionlog", "useractivitylog"]
}

resource "aws_security_group" "warehouse" {
  name        = "${var.name}-warehouse"
  description = "Clients of the warehouse"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each          = toset(var.client_cidrs)
  security_group_id = aws_security_group.warehouse.id
  description       = "ccs, dbt and dashboards"
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = local.port
  to_port           = local.port
}

resource "aws_redshiftserverless_workgroup" "shop" {
  namespace_name       = aws_redshiftserverless_namespace.shop.namespace_name
  workgroup_name       = var.name
  base_capacity        = var.settings.base_rpus
  port                 = local.port
  publicly_accessible  = false
  enhanced_vpc_routing = false
  subnet_ids           = var.subnet_ids
  security_group_ids   = [aws_security_group.warehouse.id]
  config_parameter {
    parameter_key   = "require_ssl"
    parameter_value = "true"
  }
}

resource "aws_redshiftserverless_usage_limit" "day" {
  resource_arn  = aws_redshiftserverless_workgroup.shop.arn
  usage_type    = "serverless-compute"
  amount        = var.settings.max_rpu_hours_per_day
  period        = "daily"
  breach_action = "deactivate"
}

output "host" { value = aws_redshiftserverless_workgroup.shop.endpoint[0].address }
output "port" { value = local.port }
output "secret_arn" { value = aws_redshiftserverless_namespace.shop.admin_password_secret_arn }
