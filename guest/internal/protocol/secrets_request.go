package protocol

import "strings"

const (
	secretCountMax     = 64
	secretNameBytesMax = 127
	secretsBytesMax    = 256 << 10
)

// SecretsRequest names every secret that the machine is to hold.
type SecretsRequest struct {
	Secrets []Secret `json:"secrets"`
}

// Secret is a file that commands may read and nothing else.
type Secret struct {
	Name  string `json:"name"`
	Value Text   `json:"value"`
}

// Check never quotes a value.
func (r *SecretsRequest) Check() error {
	if len(r.Secrets) > secretCountMax {
		return Fail(CodeLimitExceeded, "there are %d secrets, at most %d are held", len(r.Secrets), secretCountMax)
	}
	total := 0
	seen := make(map[string]bool, len(r.Secrets))
	for _, secret := range r.Secrets {
		if !isSecretName(secret.Name) {
			return Fail(CodeBadRequest, "%.60q cannot be the name of a secret", secret.Name)
		}
		if seen[secret.Name] {
			return Fail(CodeBadRequest, "the secret %s is given twice", secret.Name)
		}
		seen[secret.Name] = true
		total += len(secret.Value)
	}
	if total > secretsBytesMax {
		return Fail(CodeLimitExceeded, "the secrets have %d bytes, at most %d are held", total, secretsBytesMax)
	}
	return nil
}

// isSecretName also keeps names from leading out of their directory.
func isSecretName(name string) bool {
	if name == "" || len(name) > secretNameBytesMax || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	isOther := func(r rune) bool {
		return r != '_' && !(r >= '0' && r <= '9') && !(r >= 'A' && r <= 'Z') && !(r >= 'a' && r <= 'z')
	}
	return strings.IndexFunc(name, isOther) < 0
}
