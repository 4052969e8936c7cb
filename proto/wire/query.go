package wire

// QueryApp is the parameter of a drain's URL that names the app, in
// drainline.v1.Request.query.
const QueryApp = "app"
