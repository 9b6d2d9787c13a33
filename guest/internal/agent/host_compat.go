package agent

// RunHostCompat serves one client as an ordinary process.
func RunHostCompat(arguments []string) int { return 2 }
