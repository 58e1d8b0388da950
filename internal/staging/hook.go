package staging

// HookName says when a hook runs.
type HookName string

// The hooks.
const (
	HookAfterCreate   HookName = "after_create"
	HookAfterDeploy   HookName = "after_deploy"
	HookBeforeDestroy HookName = "before_destroy"
)

// Commands are those of one hook, in order.
func (h Hooks) Commands(name HookName) []Command {
	switch name {
	case HookAfterCreate:
		return h.AfterCreate
	case HookAfterDeploy:
		return h.AfterDeploy
	case HookBeforeDestroy:
		return h.BeforeDestroy
	}
	return nil
}
