variable "name" {
  description = "Begins the names of all resources: the shop's name in lower case."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "name must be 2 to 21 lower-case letters, digits and -, beginning with a letter."
  }
}

variable "region" {
  description = "Region of everything. COPY of Parquet needs bucket and warehouse in one region."
  type        = string
}

variable "tags" {
  description = "More tags for all resources."
  type        = map(string)
  default     = {}
}

variable "bucket" {
  description = "Name of the bucket for the lake; it must not exist yet."
  type        = string
}

variable "prefix" {
  description = "lake.s3.prefix of ccs.yml: '' or a path that ends with /."
  type        = string
  default     = "shop/"
  validation {
    condition     = var.prefix == "" || can(regex("^[A-Za-z0-9._=/-]*/$", var.prefix))
    error_message = "prefix must be empty or end with /."
  }
}

variable "kms_key_arn" {
  description = "Key that encrypts the bucket, the warehouse and Kafka; null: keys that AWS manages, at no cost."
  type        = string
  default     = null
}

variable "noncurrent_days" {
  description = "Days until a replaced or deleted object is gone for good. Erased persons are in such versions for as long."
  type        = number
  default     = 30
}

variable "trusted_arns" {
  description = "Who may take the roles app and load: ARNs of roles or users, such as the instance role of the shop's server. Empty: the two roles are not created."
  type        = list(string)
  default     = []
  validation {
    condition     = alltrue([for arn in var.trusted_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "trusted_arns must be ARNs of roles or users, without wildcards."
  }
}

variable "vpc_id" {
  description = "VPC of warehouse and Kafka; needed if one of them is on."
  type        = string
  default     = null
}

variable "subnet_ids" {
  description = "Private subnets in three availability zones, as Redshift Serverless asks for."
  type        = list(string)
  default     = []
}

variable "client_cidrs" {
  description = "Address ranges of machines that may connect to warehouse and Kafka, such as 10.0.0.0/16."
  type        = list(string)
  default     = []
  validation {
    condition     = !contains(var.client_cidrs, "0.0.0.0/0") && !contains(var.client_cidrs, "::/0")
    error_message = "client_cidrs must not be the whole internet."
  }
}

variable "warehouse" {
  description = "Redshift Serverless, or null. base_rpus: size (8 is the least); max_rpu_hours_per_day: usage above it ends queries."
  type = object({
    base_rpus             = optional(number, 8)
    max_rpu_hours_per_day = optional(number, 16)
    database              = optional(string, "shop")
    user                  = optional(string, "ccs")
  })
  default = {}
}

variable "kafka" {
  description = "A Kafka of MSK, or null: three small brokers, logins by SCRAM. scram_secret_arn: secret AmazonMSK_… with username and password, made by hand."
  type = object({
    version          = optional(string, "3.8.x")
    broker           = optional(string, "kafka.t3.small")
    disk_gb          = optional(number, 50)
    scram_secret_arn = string
  })
  default = null
}

variable "connect" {
  description = "A sink on MSK Connect, or null; needs kafka. plugin_key: zip of the connector in the bucket; configuration: the file of connectors/, without secrets."
  type = object({
    plugin_key    = string
    configuration = map(string)
    version       = optional(string, "3.7.x")
  })
  default = null
}

variable "flink" {
  description = "A job on Amazon Managed Service for Apache Flink, or null; needs kafka. jar_key: the job's jar in the bucket."
  type = object({
    jar_key = string
    runtime = optional(string, "FLINK-1_20")
    slots   = optional(number, 1)
  })
  default = null
}

variable "budget" {
  description = "Monthly limit in USD and who is told at 80 % of it and when the forecast exceeds it; null: no alarm."
  type = object({
    usd   = number
    email = string
  })
  default = null
}
