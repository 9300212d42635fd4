output "release" {
  description = "What release/ needs to know: terraform output -json release > release/cloud.auto.tfvars.json"
  value       = module.stack.release
}

output "kubeconfig_command" {
  description = "How to get into the cluster."
  value       = module.stack.kubeconfig_command
}
