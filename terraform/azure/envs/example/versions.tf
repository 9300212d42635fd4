terraform {
  required_version = ">= 1.11"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.55, < 5.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.7, < 4.0"
    }
  }

  # The broker's key is in the state: keep it in a sealed container.
  # backend "azurerm" {
  #   resource_group_name  = "example-terraform"
  #   storage_account_name = "exampleterraform"
  #   container_name       = "state"
  #   key                  = "sre-copilot/azure.tfstate"
  #   use_azuread_auth     = true
  # }
}
