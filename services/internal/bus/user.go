package bus

import (
	"context"
	"encoding/json"
	"fmt"
)

// userInfo is where a server says who a connection is. Users may be denied it, and need
// it for nothing else.
const userInfo = "$SYS.REQ.USER.INFO"

// User is who the server takes this connection for, empty where it asks nobody who he is.
func (c *Conn) User(ctx context.Context) (string, error) {
	answer, err := c.nc.RequestWithContext(ctx, userInfo, nil)
	if err != nil {
		return "", fmt.Errorf("bus: who this is: %w", err)
	}
	var info struct {
		Data struct {
			User string `json:"user"`
		} `json:"data"`
	}
	if err := json.Unmarshal(answer.Data, &info); err != nil {
		return "", fmt.Errorf("bus: who this is: %w", err)
	}
	return info.Data.User, nil
}
