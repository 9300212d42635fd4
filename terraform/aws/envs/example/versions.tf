terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 6.0"
    }
  }

  # The broker's token is in the state: keep it in a bucket that is sealed and locked.
  # backend "s3" {
  #   bucket       = "example-terraform-state"
  #   key          = "sre-copilot/aws.tfstate"
  #   region       = "eu-central-1"
  #   encrypt      = true
  #   use_lockfile = true
  # }
}
