# What a shop rents from AWS when it has outgrown one machine. Each part is one module with its own
# role; parts that are null cost nothing. README.md says what each part is for.

module "lake" {
  source          = "./modules/lake"
  bucket          = var.bucket
  kms_key_arn     = var.kms_key_arn
  noncurrent_days = var.noncurrent_days
}

module "roles" {
  source       = "./modules/roles"
  name         = var.name
  bucket_arn   = module.lake.arn
  prefix       = var.prefix
  kms_key_arn  = var.kms_key_arn
  trusted_arns = var.trusted_arns
}

module "warehouse" {
  count         = var.warehouse == null ? 0 : 1
  source        = "./modules/warehouse"
  name          = var.name
  settings      = var.warehouse
  copy_role_arn = module.roles.copy_arn
  kms_key_arn   = var.kms_key_arn
  vpc_id        = var.vpc_id
  subnet_ids    = var.subnet_ids
  client_cidrs  = var.client_cidrs
}

module "kafka" {
  count        = var.kafka == null ? 0 : 1
  source       = "./modules/kafka"
  name         = var.name
  settings     = var.kafka
  kms_key_arn  = var.kms_key_arn
  vpc_id       = var.vpc_id
  subnet_ids   = var.subnet_ids
  client_cidrs = var.client_cidrs
}

module "connect" {
  count             = var.connect == null ? 0 : 1
  source            = "./modules/connect"
  name              = var.name
  kms_key_arn       = var.kms_key_arn
  settings          = var.connect
  bucket_arn        = module.lake.arn
  prefix            = var.prefix
  cluster_arn       = one(module.kafka[*].arn)
  bootstrap         = one(module.kafka[*].bootstrap_iam)
  security_group_id = one(module.kafka[*].client_security_group_id)
  subnet_ids        = var.subnet_ids
}

module "flink" {
  count             = var.flink == null ? 0 : 1
  source            = "./modules/flink"
  name              = var.name
  kms_key_arn       = var.kms_key_arn
  settings          = var.flink
  bucket_arn        = module.lake.arn
  cluster_arn       = one(module.kafka[*].arn)
  bootstrap         = one(module.kafka[*].bootstrap_iam)
  security_group_id = one(module.kafka[*].client_security_group_id)
  subnet_ids        = var.subnet_ids
}

module "budget" {
  count  = var.budget == null ? 0 : 1
  source = "./modules/budget"
  name   = var.name
  usd    = var.budget.usd
  email  = var.budget.email
}
